-- The files of connectors with on_arrival whose run was started last, so that they start one run, whichever server looks.
create table arrivals (
  connector_id integer     primary key,
  complete     text        not null,                     -- digest of names, lengths and times of the complete files
  changes      text        not null,                     -- the same of the files of changes
  run_id       integer     not null,                     -- the run that they started
  arrived_at   timestamptz not null default now()
);
