drop index outbox_by_transaction;
delete from outbox where run_id is null;
alter table outbox alter column run_id set not null;
alter table outbox drop column transaction;
