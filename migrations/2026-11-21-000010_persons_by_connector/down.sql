do $$
declare
  old_indexes text[];
  definition text;
begin
  select array_agg(replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')) into old_indexes
    from pg_index
   where indrelid = 'persons'::regclass and indexrelid::regclass::text <> 'persons_by_user_name';

  alter table persons rename to persons_apart;
  create table persons (like persons_apart including defaults including comments);
  insert into persons select * from persons_apart order by id;
  drop table persons_apart;

  alter table persons add primary key (id);
  foreach definition in array old_indexes loop
    execute definition;
  end loop;
end $$;

create index persons_by_user_name on persons (lower(fields ->> 'user_name'));

-- Versions before look for every field by its name.
update persons p
   set provenance = (select jsonb_object_agg(name, coalesce(p.provenance -> name, p.provenance -> ''))
                       from jsonb_object_keys(p.fields) name)
 where p.provenance ? '';
comment on column persons.provenance is null;
