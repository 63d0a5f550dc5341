/* Limits the loops of one call: the compiled code calls lab_round() at each branch backwards. */
long lab_rounds;

void lab_endless(void);

void lab_round(void)
{
	if (lab_rounds-- == 0)
		lab_endless();
}
