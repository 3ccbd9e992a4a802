drop index outbox_by_transaction;
alter table outbox drop column transaction;
