/* 2.6.33 moved it: the configuration is included already. */
