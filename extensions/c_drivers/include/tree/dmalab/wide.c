/* 128 bits of a product: compiled code calls it where the tree asks whether 64 bits overflow. */
typedef unsigned long word;

void __multi3(word *product, word a, word a_high, word b, word b_high)
{
	word half = 0xffffffff;
	word low = (a & half) * (b & half);
	word one = (a >> 32) * (b & half) + (low >> 32);
	word other = (a & half) * (b >> 32) + (one & half);

	product[0] = (other << 32) | (low & half);
	product[1] = (a >> 32) * (b >> 32) + (one >> 32) + (other >> 32) + a_high * b + a * b_high;
}
