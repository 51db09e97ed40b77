// SPDX-License-Identifier: Apache-2.0
// The program: nothing but wiring. Commands live in cli/.
int main(void)
{
	return 0;
}
