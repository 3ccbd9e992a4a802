delete from outbox where run_id is null;
alter table outbox alter column run_id set not null;
drop table photo_renditions;
drop table overrides;
drop table local_edits;
update profile_fields set editable_by = 'nobody' where name = 'photo' and editable_by = 'person';
alter table profile_fields drop column choices, drop column multivalued, drop column hidden;
