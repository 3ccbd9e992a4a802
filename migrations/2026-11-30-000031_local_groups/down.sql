drop table rule_failures;
drop table local_nesting;
drop table local_memberships_history;
delete from groups_history where ended_by_run_id is null;
alter table groups_history alter column ended_by_run_id set not null;
alter table groups_history drop column description, drop column rule;
drop index groups_by_rule;
alter table groups drop column description, drop column rule, drop column rule_after, drop column valid_from;
