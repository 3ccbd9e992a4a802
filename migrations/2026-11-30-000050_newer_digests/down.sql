update resources r set digest = n.digest, links_digest = n.links_digest
  from newer_digests n where n.entity_type_id = r.entity_type_id and n.resource_id = r.id;
drop view digested_resources;
drop table newer_digests;
