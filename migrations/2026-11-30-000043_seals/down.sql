drop table change_set_seals;
alter table changes drop column seal;
