"""What additive processes (FDM, SLA, SLS, DMLS) look at on a part; on a triangle mesh just as on an exact one."""
