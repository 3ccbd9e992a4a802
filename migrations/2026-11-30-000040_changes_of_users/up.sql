-- Whoever reads the outbox goes by transactions, not by ids: a long run takes its ids early and commits late. Rows of
-- transactions before all that are open are complete; those of later ones come behind them.
alter table outbox add column transaction bigint not null default (pg_current_xact_id()::text::bigint);
-- What somebody does by hand belongs to no run.
alter table outbox alter column run_id drop not null;
create index outbox_by_transaction on outbox (transaction, id);
