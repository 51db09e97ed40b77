// SPDX-License-Identifier: Apache-2.0
// Build tool: writes files as C arrays, so that the program carries them. embed OUT.c FILE…
#include <stdio.h>
#include <string.h>

static int write_file(FILE *out, const char *path, int number)
{
	FILE *in = fopen(path, "rb");
	if (!in) {
		perror(path);
		return 1;
	}
	fprintf(out, "static const unsigned char file_%d[] = {", number);
	long n = 0;
	for (int c; (c = fgetc(in)) != EOF; n++)
		fprintf(out, "%s%d,", n % 24 ? "" : "\n\t", c);
	fprintf(out, "0};\n");
	return fclose(in);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

int main(int argc, char **argv)
{
	FILE *out = argc > 2 ? fopen(argv[1], "wb") : NULL;
	if (!out) {
		fprintf(stderr, "usage: embed OUT.c FILE...\n");
		return 2;
	}
	fprintf(out, "#include \"cli/assets.h\"\n");
	int failed = 0;
	for (int i = 2; i < argc; i++)
		failed |= write_file(out, argv[i], i);
	fprintf(out, "const struct asset assets[] = {\n");
	for (int i = 2; i < argc; i++)
		fprintf(out, "\t{\"%s\", file_%d, sizeof(file_%d) - 1},\n", base_name(argv[i]), i, i);
	fprintf(out, "};\nconst unsigned n_assets = %d;\n", argc - 2);
	return fclose(out) || failed;
}
