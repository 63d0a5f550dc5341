/* The other source of the core's module. */
int core_setup(void)
{
	return 1;
}
