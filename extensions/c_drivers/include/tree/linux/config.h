/* 2.6.19 took it away: the configuration is included already. */
