-- What the tables of a connector's systems hold, as it was when somebody last asked. No values: they would be personal
-- data, and are shown only in the answer to whoever asks.
create table source_schemas (
  connector_id integer     not null,
  source_table text        not null,                     -- connection.table
  found        jsonb       not null,                     -- columns in order: name, native_type, multivalued
  refreshed_at timestamptz not null default now(),
  refreshed_by text        not null,
  before       jsonb,                                    -- the columns before they last changed
  changed_at   timestamptz,                              -- when that was noticed
  primary key (connector_id, source_table)
);
