-- Persons whose data was taken out of everything. What remains is that it happened: no name, no key.
create table anonymizations (
  id            bigint generated always as identity primary key,
  person_id     bigint      not null,
  anonymized_at timestamptz not null default now(),
  anonymized_by text        not null
);

-- What keeps later runs from bringing them back: HMAC-SHA-256 of keys, of values that persons are correlated by, and of
-- other texts that name one, with the key of the installation, which does not stand in the database.
create table suppressions (
  digest           bytea  primary key,
  anonymization_id bigint not null references anonymizations (id)
);

-- Changes that were erased: their rows say nothing any more, and can't be reverted.
create table erasures (
  run_id integer not null,
  seq    integer not null,
  primary key (run_id, seq)
);

-- It may hold rows of suppressed persons, which are to be taken out of its files.
alter table extractions add column to_clean boolean not null default false;
create index extractions_to_clean on extractions (connector_id, id) where to_clean;
