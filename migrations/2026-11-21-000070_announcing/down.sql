drop table run_retries;
drop table deliveries;
drop table announcements;
