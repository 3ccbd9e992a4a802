drop table groups_history;
alter table persons_history drop column search;
drop index persons_history_by_user_name;
drop index runs_by_applied;
drop index resources_history_by_key;
create index resources_history_by_key on resources_history (entity_type_id, key);
