-- Persons lie apart by the connector that made them, so that the first load of a connector can be prepared beside, with
-- its indexes, and attached when it is applied. Partitions: `persons_by_hand`, and `persons_<connector>` as connectors
-- make persons. An id stands once per partition: ids come from one sequence, and no index reaches over partitions.
do $$
declare
  old_indexes text[];
  definition text;
  connector integer;
begin
  -- Indexes over further fields were made as connectors asked for them.
  select array_agg(pg_get_indexdef(indexrelid)) into old_indexes
    from pg_index
   where indrelid = 'persons'::regclass and not indisprimary
     and indexrelid::regclass::text <> 'persons_by_user_name';

  alter table persons rename to persons_whole;
  create table persons (like persons_whole including defaults including comments) partition by list (created_by);

  create table persons_by_hand (like persons including defaults);
  insert into persons_by_hand select * from persons_whole where created_by is null order by id;
  alter table persons_by_hand add unique (id);
  alter table persons attach partition persons_by_hand for values in (null);

  for connector in select distinct created_by from persons_whole where created_by is not null order by 1 loop
    execute format(
      'create table persons_%1$s (like persons including defaults,
         check (created_by is not null and created_by = %1$s));
       insert into persons_%1$s select * from persons_whole where created_by = %1$s order by id;
       alter table persons_%1$s add unique (id);
       alter table persons attach partition persons_%1$s for values in (%1$s)', connector);
  end loop;

  drop table persons_whole;
  foreach definition in array old_indexes loop
    execute definition;
  end loop;
end $$;

-- With the id, a page of the list of all persons is one merge of the partitions' indexes.
create index persons_by_user_name on persons (lower(fields ->> 'user_name'), id);

comment on column persons.provenance is
  'field -> [connector, entity type, run, line]; under the empty name for all fields that are not named';
