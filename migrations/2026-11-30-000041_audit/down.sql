drop trigger audit_not_emptied on audit;
drop trigger audit_append_only on audit;
drop function audit_is_append_only();
drop index audit_by_time, audit_by_subject, audit_by_action, audit_by_account;
alter table audit drop column origin;
