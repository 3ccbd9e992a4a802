drop table groups_history;
alter table persons_history drop column search;
drop index persons_history_by_user_name;
drop index runs_by_applied;
