// SPDX-License-Identifier: Apache-2.0
// The example corridor file, embedded from template.yaml when the program is built.
#include "design/internal.h"

struct sv design_template(void)
{
	return (struct sv){(const char *)template_yaml, template_yaml_len};
}
