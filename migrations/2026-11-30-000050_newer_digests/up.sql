-- Digests of resources whose values stayed, newer than those in their rows. Where the members of many owners change, this
-- narrow table spares the wide one from being rewritten nearly whole; folded into it when it has grown.
create table newer_digests (
  entity_type_id integer not null,
  resource_id    bigint  not null,
  digest         uuid,
  links_digest   uuid,
  primary key (entity_type_id, resource_id)
);

-- Resources with the digests that hold.
create view digested_resources as
  select r.id, r.entity_type_id, r.person_id, r.key, r.attributes,
         case when n.resource_id is null then r.digest else n.digest end as digest,
         case when n.resource_id is null then r.links_digest else n.links_digest end as links_digest
    from resources r
    left join newer_digests n on n.entity_type_id = r.entity_type_id and n.resource_id = r.id;
