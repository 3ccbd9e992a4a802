-- What users said that are gone is kept where another source's value holds, so that which of two sources is read first
-- makes no difference when the other one falls silent. It lies with the provenance, whose history it shares.
comment on column persons.provenance is
  'field -> [connector, entity type, run, line]; under the empty name for all fields that are not named; under '
  '"(outvoted)": field -> [[value, [connector, entity type, run, line]], ...] of users that are gone';
