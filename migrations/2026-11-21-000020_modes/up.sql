-- Modes beside the complete run: incremental, replay, update expressions.

alter table connectors
  add column incremental boolean not null default false, -- every table can tell what changed, or is compared
  add column whole_table text;                           -- one that can't, for the words of a refusal

alter table runs
  add column replays_run_id    integer,                  -- a replay: the run whose extraction it prepares
  add column own_configuration boolean not null default false, -- a replay with the configuration of that run
  add column became_complete   text;                     -- asked for as incremental; why it could not stay so

alter table extractions
  add column complete       boolean not null default true, -- the whole truth: what is absent from it is gone
  add column assembled_from integer[];                     -- made of the extractions of these runs, without an export

alter table extraction_files
  add column command_column text,                        -- its rows are changes; what the source calls their command
  add column cursor         jsonb;                       -- where the source stood when this was read

-- Where each source stood when the last applied run read it. Only synchronize moves them.
create table cursors (
  connector_id integer     not null references connectors (id),
  source_table text        not null,                     -- "connection.table"
  cursor       jsonb       not null,
  run_id       integer     not null,
  moved_at     timestamptz not null default now(),
  primary key (connector_id, source_table)
);
