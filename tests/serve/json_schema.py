# SPDX-License-Identifier: Apache-2.0
"""As much of JSON Schema (2020-12) as /api/openapi.json uses. A keyword that is not known here is an error, so that none is
passed over."""

TYPES = {
    'string': lambda v: isinstance(v, str),
    'integer': lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) and v == int(v),
    'number': lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    'boolean': lambda v: isinstance(v, bool),
    'object': lambda v: isinstance(v, dict),
    'array': lambda v: isinstance(v, list),
    'null': lambda v: v is None,
}
NOTES = {'description', 'examples', 'default', 'readOnly', 'title', 'format'}
RULES = {'$ref', 'type', 'enum', 'properties', 'required', 'additionalProperties', 'items', 'maxItems', 'minimum', 'maximum',
         'exclusiveMinimum', 'pattern', 'anyOf', 'oneOf', 'allOf'}


def resolve(document, ref):
    """What a reference within the document names; KeyError: nothing."""
    assert ref.startswith('#/'), ref
    here = document
    for part in ref[2:].split('/'):
        here = here[part.replace('~1', '/').replace('~0', '~')]
    return here


def check_schema(document, schema, where='#'):
    """Every mistake of the schema itself."""
    if schema is True or schema is False:
        return
    assert isinstance(schema, dict), f'{where}: no schema: {schema!r}'
    for keyword in schema:
        if keyword not in NOTES | RULES:
            yield f'{where}: the keyword {keyword} is not known'
    if '$ref' in schema:
        try:
            resolve(document, schema['$ref'])
        except KeyError:
            yield f'{where}: {schema["$ref"]} names nothing'
    types = schema.get('type', [])
    for t in [types] if isinstance(types, str) else types:
        if t not in TYPES:
            yield f'{where}: there is no type {t}'
    for value in schema.get('examples', []) + ([schema['default']] if 'default' in schema else []):
        yield from mistakes(document, schema, value, f'{where}: example')
    for name in schema.get('required', []):
        if name not in schema.get('properties', {}):
            yield f'{where}: {name} is required, but not declared'
    for name, s in schema.get('properties', {}).items():
        yield from check_schema(document, s, f'{where}/{name}')
    for keyword in ('items', 'additionalProperties'):
        if keyword in schema:
            yield from check_schema(document, schema[keyword], f'{where}/{keyword}')
    for keyword in ('anyOf', 'oneOf', 'allOf'):
        for i, s in enumerate(schema.get(keyword, [])):
            yield from check_schema(document, s, f'{where}/{keyword}/{i}')


def mistakes(document, schema, value, where='', strict=False):
    """What is wrong with a value, each as “pointer: words”. strict: an object has no members but those declared."""
    if schema is True or schema is False:
        if schema is False:
            yield f'{where}: nothing is allowed here'
        return
    if '$ref' in schema:
        yield from mistakes(document, resolve(document, schema['$ref']), value, where, strict)
    types = schema.get('type')
    if types:
        types = [types] if isinstance(types, str) else types
        if not any(TYPES[t](value) for t in types):
            yield f'{where}: {value!r:.80} is not {" or ".join(types)}'
            return
    if 'enum' in schema and value not in schema['enum']:
        yield f'{where}: {value!r:.80} is none of {schema["enum"]}'
    for keyword in ('anyOf', 'oneOf'):
        if keyword in schema:
            found = [list(mistakes(document, s, value, where, strict)) for s in schema[keyword]]
            fits = sum(not f for f in found)
            if fits == 0 or (keyword == 'oneOf' and fits > 1):
                yield f'{where}: {fits} of {keyword} fit: {[f[0] for f in found if f]}'
    for s in schema.get('allOf', []):
        yield from mistakes(document, s, value, where, strict)
    if isinstance(value, dict):
        yield from object_mistakes(document, schema, value, where, strict)
    if isinstance(value, list):
        if len(value) > schema.get('maxItems', len(value)):
            yield f'{where}: more than {schema["maxItems"]} items'
        for i, v in enumerate(value):
            yield from mistakes(document, schema.get('items', True), v, f'{where}/{i}', strict)
    if TYPES['number'](value):
        if value < schema.get('minimum', value) or value > schema.get('maximum', value):
            yield f'{where}: {value} is out of range'
        if 'exclusiveMinimum' in schema and value <= schema['exclusiveMinimum']:
            yield f'{where}: {value} is out of range'


def object_mistakes(document, schema, value, where, strict):
    for name in schema.get('required', []):
        if name not in value:
            yield f'{where}/{name}: is missing'
    declared = schema.get('properties', {})
    closed = strict and 'properties' in schema and 'additionalProperties' not in schema
    others = schema.get('additionalProperties', not closed)
    for name, v in value.items():
        yield from mistakes(document, declared.get(name, others), v, f'{where}/{name}', strict)
