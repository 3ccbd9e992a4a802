-- What makes a nightly run cheap. All of it can be lost without losing anything: prepare then reads what it needs.

-- Where the rows of a file stand, with the digests that the difference wants to know.
alter table extraction_files add column indexes jsonb not null default '[]';
-- What the file was read from, sealed too: the same source need not be read again.
alter table extraction_files add column source jsonb;

-- Raised whenever anything but the connector's own runs writes to its resources or links.
alter table connectors add column touched bigint not null default 0;

-- The state of a connector as it is once a run is applied: an object with keys, digests and ids.
create table snapshots (
  run_id       integer     primary key,
  connector_id integer     not null,
  touched      bigint      not null,                     -- connectors.touched as it was when prepare began
  change_set_digest text   not null,                     -- of the change set that leads there
  path         text        not null,                     -- object in the store
  sha256       text        not null,
  bytes        bigint      not null,
  created_at   timestamptz not null default now()
);
create index snapshots_by_connector on snapshots (connector_id);
