drop table correlation_decisions, doubts, moves, merges;
