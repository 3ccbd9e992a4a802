drop index persons_past;
drop index persons_blocked;
