drop table arrivals;
