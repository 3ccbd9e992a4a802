-- How the reading of a table reached its end, in words and figures, as its kind of connection tells it.
alter table extraction_files add column source_end jsonb not null default '{}';

-- What a run extracted, held against what is stored, after it was applied. It belongs to no run's time.
create table run_proofs (
  run_id    integer     primary key,
  proved_at timestamptz not null default now(),
  proof     jsonb       not null
);
