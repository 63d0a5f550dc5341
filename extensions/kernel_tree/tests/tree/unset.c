/* Functions that are nowhere: what the driver uses of them is unset. */
struct part {
	int number;
	struct part *next;
};

struct part *toy_part(void);
int toy_fill(struct part **out);

int unset(void)
{
	struct part *part = 0;

	toy_fill(&part);
	return part->number;
}

/* What lay there before leads nowhere. */
int stale(void)
{
	struct part *part = (struct part *)0x5ca1ab1e0ddba11;

	toy_fill(&part);
	return part->number;
}

int refused(void)
{
	struct part *part = 0;

	toy_fill(&part);
	return part ? 0 : -19;
}

int null(void)
{
	return toy_part()->number;
}
