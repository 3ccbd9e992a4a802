-- Looking back. As of a moment, resources, links, persons and groups are the current rows that were there already and
-- the superseded ones that had not gone yet.

-- Current rows carry their run: which runs came after a moment.
create index runs_by_applied on runs (applied_at, id) where applied_at is not null;

-- Lists of resources of a moment, by key: versions that came later are passed over within the index.
drop index resources_history_by_key;
create index resources_history_by_key on resources_history (entity_type_id, key, valid_from);

-- Lists of users of a moment, by user name; and what a search looks for.
create index persons_history_by_user_name on persons_history (lower(fields ->> 'user_name'), id, valid_from);
alter table persons_history add column search text not null default '';
update persons_history h
   set search = coalesce((select p.search from persons p where p.id = h.id), lower(concat_ws(' ',
     h.fields ->> 'display_name', h.fields ->> 'given_name', h.fields ->> 'family_name', h.fields ->> 'user_name',
     h.fields ->> 'mail', h.fields ->> 'employee_id', h.fields ->> 'phone')));

-- A group that was renamed or went. The current row's run tells since when it holds, as everywhere.
create table groups_history (
  id                bigint      not null,
  resource_id       bigint,
  entity_type_id    integer,
  name              text        not null,
  profile_type      text,
  past_profile_type text,
  run_id            integer,
  ended_by_run_id   integer     not null,
  valid_from        timestamptz not null,
  valid_to          timestamptz not null
) partition by range (valid_to);
create index groups_history_by_id on groups_history (id);
create index groups_history_by_resource on groups_history (resource_id);
create index groups_history_by_name on groups_history (lower(name), id);
