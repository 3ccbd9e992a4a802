update persons set provenance = provenance - '(outvoted)' where provenance ? '(outvoted)';
update persons_history set provenance = provenance - '(outvoted)' where provenance ? '(outvoted)';
comment on column persons.provenance is
  'field -> [connector, entity type, run, line]; under the empty name for all fields that are not named';
