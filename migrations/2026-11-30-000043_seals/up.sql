-- The digest of a change set is taken over the digests of its changes. Each stands with its change, so that the whole can
-- be proved later, also when what a change said was erased. Null: frozen before this was kept.
alter table changes add column seal uuid;

-- The sum of the digests of what a change set has besides: rows of scopes that were loaded whole.
create table change_set_seals (
  run_id integer primary key,
  others uuid    not null
);
