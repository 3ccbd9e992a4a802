-- One run of the yardstick: copy, validate, difference, apply with history. psql reads this in the folder of the
-- feed. Each `\echo STEP` begins a step; the times that psql prints after it are the step's.
--
-- Everything is decided on whole sets: no statement is executed per row, and rows that did not change are only ever
-- read by their digest.

\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = error;
set search_path = yardstick;
set jit = off;
set work_mem = '768MB';
set hash_mem_multiplier = 1.0;
set maintenance_work_mem = '768MB';
set min_parallel_table_scan_size = '1MB';
set max_parallel_maintenance_workers = 2;
select nextval('run_number') as run, not exists (select from resource) as first \gset
\timing on

\echo STEP copy
begin;
truncate staged_user, staged_org, staged_group, staged_member;
\copy staged_user from 'users.csv' with (format csv, header, freeze)
\copy staged_org from 'orgs.csv' with (format csv, header, freeze)
\copy staged_group from 'groups.csv' with (format csv, header, freeze)
\copy staged_member from 'memberships.csv' with (format csv, header, freeze)
commit;

-- ---------------------------------------------------------------------------------------------------------------
-- A row that is wrong becomes a problem. `source` is where the row lies in its staging table.
\echo STEP validate
analyze staged_user (employee_id, manager_id, department);
analyze staged_org (org_code);
analyze staged_group (group_id);
analyze staged_member;
drop table if exists problem, wrong_date, repeated_key;
create unlogged table problem(code text, entity_type int, association int, source tid, key text, detail text);

-- There are few different dates: each is looked at once.
create unlogged table wrong_date as
  select value
    from (select hire_date as value from staged_user union select end_date from staged_user) dates
   where value is not null and not is_date(value);

create unlogged table repeated_key as
  select 1 as entity_type, employee_id as key from staged_user
   where employee_id is not null group by employee_id having count(*) > 1
  union all
  select 2, org_code from staged_org where org_code is not null group by org_code having count(*) > 1
  union all
  select 3, group_id from staged_group where group_id is not null group by group_id having count(*) > 1;

insert into problem
  select case when u.employee_id is null then 'missing_key'
              when repeated.key is not null then 'duplicate_key'
              else 'invalid_value' end,
         1, null, u.ctid, u.employee_id, concat_ws('|', u.hire_date, u.end_date, u.active)
    from staged_user u
    left join repeated_key repeated on repeated.entity_type = 1 and repeated.key = u.employee_id
   where u.employee_id is null
      or repeated.key is not null
      or u.active is null or u.active not in ('true', 'false')
      or u.hire_date in (select value from wrong_date)
      or u.end_date in (select value from wrong_date);
insert into problem
  select case when org_code is null then 'missing_key' else 'duplicate_key' end, 2, null, ctid, org_code, null
    from staged_org
   where org_code is null or org_code in (select key from repeated_key where entity_type = 2);
insert into problem
  select case when group_id is null then 'missing_key' else 'duplicate_key' end, 3, null, ctid, group_id, null
    from staged_group
   where group_id is null or group_id in (select key from repeated_key where entity_type = 3);
analyze problem;

-- ---------------------------------------------------------------------------------------------------------------
-- What differs, as operation I(nsert), U(pdate), D(elete) or M(emberships only). The key of a problem is left out
-- on both sides: its resource is neither changed nor taken for an absent one.
\echo STEP difference of resources
drop table if exists membership_digest, change;

-- One digest for all groups of a user, made of raw keys: unchanged sets are never resolved.
create unlogged table membership_digest with (autovacuum_enabled = off) as
  select employee_id as key, bit_xor(hashtextextended(group_id, 0)) # (count(*) * 7919) as digest
    from staged_member
   group by employee_id;
analyze membership_digest (key);

create unlogged table change(
  entity_type int, key text, id bigint, operation "char", row_digest bigint, set_digest bigint, source tid
) with (autovacuum_enabled = off);

insert into change
  with feed as (
    select u.employee_id as key, hash_record_extended(u, 0) as row_digest, m.digest as set_digest, u.ctid as source
      from staged_user u
      left join membership_digest m on m.key = u.employee_id
     where u.employee_id is not null
       and not exists (select from problem p where p.entity_type = 1 and p.source = u.ctid)
  ), stored as (
    select id, key, row_digest, set_digest
      from resource
     where entity_type = 1 and key not in (select key from problem where entity_type = 1 and key is not null)
  )
  select 1, coalesce(feed.key, stored.key), coalesce(stored.id, nextval('resource_id')),
         case when stored.id is null then 'I' when feed.key is null then 'D'
              when stored.row_digest <> feed.row_digest then 'U' else 'M' end,
         feed.row_digest, feed.set_digest, feed.source
    from feed full join stored on stored.key = feed.key
   where stored.id is null or feed.key is null
      or stored.row_digest <> feed.row_digest
      or stored.set_digest is distinct from feed.set_digest;

insert into change
  with feed as (
    select 2 as entity_type, org_code as key, hash_record_extended(o, 0) as row_digest, ctid as source from staged_org o
    union all
    select 3, group_id, hash_record_extended(g, 0), ctid from staged_group g
  ), sound as (
    select * from feed
     where key is not null
       and not exists (select from problem p where p.entity_type = feed.entity_type and p.source = feed.source)
  ), stored as (
    select id, entity_type, key, row_digest
      from resource
     where entity_type in (2, 3)
       and (entity_type, key) not in (select entity_type, key from problem where entity_type in (2, 3) and key is not null)
  )
  select coalesce(sound.entity_type, stored.entity_type), coalesce(sound.key, stored.key),
         coalesce(stored.id, nextval('resource_id')),
         case when stored.id is null then 'I' when sound.key is null then 'D' else 'U' end,
         sound.row_digest, null, sound.source
    from sound full join stored on stored.entity_type = sound.entity_type and stored.key = sound.key
   where stored.id is null or sound.key is null or stored.row_digest <> sound.row_digest;
analyze change;

-- ---------------------------------------------------------------------------------------------------------------
-- Links are resolved only for their owners: resources whose row or set of memberships changed, or that point to
-- something deleted. An owner without a `source` is one whose memberships alone are in question.
\echo STEP difference of links
drop table if exists owner, wanted_link, stored_link, new_link, old_link;
\if :first
  create temporary view owner as select entity_type, id, key, source from change;
  create temporary view target as select entity_type, id, key from change;
\else
  create unlogged table owner as
    with pointing as (
      select entity_type, id, key, source from change where operation <> 'D'
      union all
      select 1, r.id, r.key, u.ctid
        from staged_user u join resource r on r.entity_type = 1 and r.key = u.employee_id
       where (u.manager_id in (select key from change where entity_type = 1 and operation = 'D')
              or u.department in (select key from change where entity_type = 2 and operation = 'D'))
         and not exists (select from problem p where p.entity_type = 1 and p.source = u.ctid)
      union all
      select 2, r.id, r.key, o.ctid
        from staged_org o join resource r on r.entity_type = 2 and r.key = o.org_code
       where o.parent_org in (select key from change where entity_type = 2 and operation = 'D')
         and not exists (select from problem p where p.entity_type = 2 and p.source = o.ctid)
      union all
      select 1, r.id, r.key, null
        from staged_member m join resource r on r.entity_type = 1 and r.key = m.employee_id
       where m.group_id in (select key from change where entity_type = 3 and operation = 'D')
    )
    select entity_type, id, key, max(source) as source from pointing group by entity_type, id, key;
  analyze owner;
  create temporary view target as
    select entity_type, id, key from resource r
     where not exists (select from change c where c.id = r.id and c.operation = 'D')
    union all
    select entity_type, id, key from change where operation = 'I';
\endif

-- `dangling` names the source row where the other end does not exist.
create unlogged table wanted_link with (autovacuum_enabled = off) as
  select 4 as association, t.id as from_id, o.id as to_id, o.id as owner, case when t.id is null then m.ctid end as dangling
    from owner o
    join staged_member m on m.employee_id = o.key
    left join target t on t.entity_type = 3 and t.key = m.group_id
   where o.entity_type = 1
  union all
  select 1, o.id, t.id, o.id, case when t.id is null then u.ctid end
    from owner o
    join staged_user u on u.ctid = o.source
    left join target t on t.entity_type = 1 and t.key = u.manager_id
   where o.entity_type = 1 and u.manager_id is not null
  union all
  select 2, o.id, t.id, o.id, case when t.id is null then u.ctid end
    from owner o
    join staged_user u on u.ctid = o.source
    left join target t on t.entity_type = 2 and t.key = u.department
   where o.entity_type = 1 and u.department is not null
  union all
  select 3, o.id, t.id, o.id, case when t.id is null then s.ctid end
    from owner o
    join staged_org s on s.ctid = o.source
    left join target t on t.entity_type = 2 and t.key = s.parent_org
   where o.entity_type = 2 and s.parent_org is not null;

\if :first
  -- Nothing is stored: what is wanted is what is new.
  alter table wanted_link rename to new_link;
  create unlogged table old_link(association int, from_id bigint, to_id bigint);
\else
  analyze wanted_link;
  create unlogged table stored_link as
    select l.association, l.from_id, l.to_id
      from owner o join link l on l.to_id = o.id and l.association = 4
     where o.entity_type = 1
    union all
    select l.association, l.from_id, l.to_id
      from owner o join link l on l.from_id = o.id and l.association in (1, 2)
     where o.entity_type = 1 and o.source is not null
    union all
    select l.association, l.from_id, l.to_id
      from owner o join link l on l.from_id = o.id and l.association = 3
     where o.entity_type = 2;
  analyze stored_link;
  create unlogged table new_link as
    select distinct association, from_id, to_id, owner, dangling
      from wanted_link w
     where not exists (select from stored_link s
                        where (s.association, s.from_id, s.to_id) = (w.association, w.from_id, w.to_id));
  create unlogged table old_link as
    select association, from_id, to_id
      from stored_link s
     where not exists (select from wanted_link w
                        where (w.association, w.from_id, w.to_id) = (s.association, s.from_id, s.to_id))
    union
    select association, from_id, to_id from link where from_id in (select id from change where operation = 'D')
    union
    select association, from_id, to_id from link where to_id in (select id from change where operation = 'D');
  analyze old_link;
\endif
analyze new_link;

-- Both ends of a membership can dangle: an owner that is neither stored nor on its way has no link to look at.
insert into problem
  select 'dangling_reference', null, association, dangling, null, null from new_link where dangling is not null;
insert into problem
  select 'dangling_reference', null, 4, null, m.key, null
    from membership_digest m
   where not exists (select from resource r where r.entity_type = 1 and r.key = m.key)
     and not exists (select from owner o where o.entity_type = 1 and o.key = m.key);

-- Whoever has a dangling reference is looked at again in the next run.
update change c
   set row_digest = case when d.in_row then 0 else c.row_digest end,
       set_digest = case when d.in_set then 0 else c.set_digest end
  from (select owner, bool_or(association <> 4) as in_row, bool_or(association = 4) as in_set
          from new_link where dangling is not null group by owner) d
 where c.id = d.owner;

-- ---------------------------------------------------------------------------------------------------------------
-- From here on the store is written. History comes before the change where it needs the value of before.
\echo STEP apply resources
insert into resource(id, entity_type, key, run, row_digest, set_digest, attributes)
  select c.id, 1, c.key, :run, c.row_digest, c.set_digest, attributes(u)
    from change c join staged_user u on u.ctid = c.source where c.entity_type = 1 and c.operation = 'I'
  union all
  select c.id, 2, c.key, :run, c.row_digest, null, attributes(o)
    from change c join staged_org o on o.ctid = c.source where c.entity_type = 2 and c.operation = 'I'
  union all
  select c.id, 3, c.key, :run, c.row_digest, null, attributes(g)
    from change c join staged_group g on g.ctid = c.source where c.entity_type = 3 and c.operation = 'I';

\echo STEP history of resources
insert into resource_history(run, id, entity_type, key, operation)
  select :run, id, entity_type, key, 'I' from change where operation = 'I';
insert into resource_history(run, id, entity_type, key, operation, before)
  select :run, c.id, c.entity_type, c.key, 'D', r.attributes
    from change c join resource r on r.id = c.id where c.operation = 'D';
drop table if exists updated;
create unlogged table updated as
  select c.*, r.attributes as before, attributes(u) as after
    from change c join resource r on r.id = c.id join staged_user u on u.ctid = c.source
   where c.entity_type = 1 and c.operation = 'U'
  union all
  select c.*, r.attributes, attributes(o)
    from change c join resource r on r.id = c.id join staged_org o on o.ctid = c.source
   where c.entity_type = 2 and c.operation = 'U'
  union all
  select c.*, r.attributes, attributes(g)
    from change c join resource r on r.id = c.id join staged_group g on g.ctid = c.source
   where c.entity_type = 3 and c.operation = 'U';
insert into resource_history(run, id, entity_type, key, operation, before, after)
  select :run, id, entity_type, key, 'U', differing(before, after), differing(after, before)
    from updated where before <> after;

\echo STEP apply resources
update resource r
   set run = :run, row_digest = u.row_digest, set_digest = u.set_digest, attributes = u.after
  from updated u where r.id = u.id;
update resource r set set_digest = c.set_digest from change c where r.id = c.id and c.operation = 'M';
delete from resource r using change c where r.id = c.id and c.operation = 'D';

\echo STEP apply links
delete from link l using old_link o
 where (l.from_id, l.association, l.to_id) = (o.from_id, o.association, o.to_id);
\if :first
  insert into link(association, from_id, to_id) select association, from_id, to_id from new_link where dangling is null;
\else
  insert into link(association, from_id, to_id)
    select association, from_id, to_id from new_link where dangling is null
     order by from_id, association, to_id
  on conflict do nothing;
\endif

-- The links of a first load are their own history.
\echo STEP history of links
\if :first
\else
  insert into link_history(run, association, from_id, to_id, operation)
    select :run, association, from_id, to_id, 'I' from new_link where dangling is null
    union all
    select :run, association, from_id, to_id, 'D' from old_link;
\endif

\if :first
  \echo STEP indexes
  call build_indexes();
\endif
\timing off

-- ---------------------------------------------------------------------------------------------------------------
-- What was done, one counter a line. A link that changed its target counts as one deleted and one inserted.
\echo COUNTERS
select concat_ws(' ', name,
         'inserted', (select count(*) from change where entity_type = number and operation = 'I'),
         'updated', (select count(*) from resource_history h where h.run = :run and entity_type = number and h.operation = 'U'),
         'deleted', (select count(*) from change where entity_type = number and operation = 'D'),
         'rejected', (select count(*) from problem where entity_type = number))
  from entity_type order by number;
select concat_ws(' ', name,
         'inserted', (select count(*) from new_link l where l.association = number and dangling is null),
         'deleted', (select count(*) from old_link l where l.association = number),
         'rejected', (select count(*) from problem p where p.association = number))
  from association order by number;
