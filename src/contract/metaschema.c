/* SPDX-License-Identifier: MIT */
/*
 * The metaschemas of 2020-12 as JSON Schema Core, section 8, and JSON Schema
 * Validation, sections 6 to 9, have them: a schema of schemas, which refers to
 * one of each vocabulary.  They are compiled like any other schema, and only
 * when a reference names them.
 */
#include "contract/metaschema.h"

#include <string.h>

#include "base/attribute.h"

#define DRAFT "https://json-schema.org/draft/2020-12/"

static const struct metaschema metaschemas[] = {
	{ DRAFT "schema",
	    "{\"$schema\":"
	    "\"" DRAFT "schema\",\"$id\":"
	    "\"" DRAFT "schema\","
	    "\"$vocabulary\":{"
	    "\"" DRAFT "vocab/core\":true,"
	    "\"" DRAFT "vocab/applicator\":"
	    "true,"
	    "\"" DRAFT "vocab/unevaluated\":"
	    "true,"
	    "\"" DRAFT "vocab/validation\":"
	    "true,"
	    "\"" DRAFT "vocab/meta-data\":"
	    "true,"
	    "\"" DRAFT "vocab/format-annotation\""
	    ":true,"
	    "\"" DRAFT "vocab/content\":true"
	    "},\"$dynamicAnchor\":\"meta\",\"allOf\":[{\"$ref\":"
	    "\"meta/core\"},{\"$ref\":\"meta/applicator\"},{\"$ref\":"
	    "\"meta/unevaluated\"},{\"$ref\":\"meta/validation\"},{"
	    "\"$ref\":\"meta/meta-data\"},{\"$ref\":"
	    "\"meta/format-annotation\"},{\"$ref\":\"meta/content\"}],"
	    "\"type\":[\"object\",\"boolean\"],\"properties\":{"
	    "\"definitions\":{\"type\":\"object\","
	    "\"additionalProperties\":{\"$dynamicRef\":\"#meta\"},"
	    "\"deprecated\":true,\"default\":{}},\"dependencies\":{"
	    "\"type\":\"object\",\"additionalProperties\":{\"anyOf\":[{"
	    "\"$dynamicRef\":\"#meta\"},{\"$ref\":"
	    "\"meta/validation#/$defs/stringArray\"}]},\"deprecated\":"
	    "true,\"default\":{}},\"$recursiveAnchor\":{\"$ref\":"
	    "\"meta/core#/$defs/anchorString\",\"deprecated\":true},"
	    "\"$recursiveRef\":{\"$ref\":"
	    "\"meta/core#/$defs/uriReferenceString\",\"deprecated\":true}"
	    "}}" },
	{ DRAFT "meta/core",
	    "{\"$schema\":"
	    "\"" DRAFT "schema\",\"$id\":"
	    "\"" DRAFT "meta/core\","
	    "\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boolean\""
	    "],\"properties\":{\"$id\":{\"$ref\":"
	    "\"#/$defs/uriReferenceString\",\"pattern\":\"^[^#]*#?$\"},"
	    "\"$schema\":{\"$ref\":\"#/$defs/uriString\"},\"$ref\":{"
	    "\"$ref\":\"#/$defs/uriReferenceString\"},\"$anchor\":{"
	    "\"$ref\":\"#/$defs/anchorString\"},\"$dynamicRef\":{\"$ref\""
	    ":\"#/$defs/uriReferenceString\"},\"$dynamicAnchor\":{"
	    "\"$ref\":\"#/$defs/anchorString\"},\"$vocabulary\":{\"type\""
	    ":\"object\",\"propertyNames\":{\"$ref\":"
	    "\"#/$defs/uriString\"},\"additionalProperties\":{\"type\":"
	    "\"boolean\"}},\"$comment\":{\"type\":\"string\"},\"$defs\":{"
	    "\"type\":\"object\",\"additionalProperties\":{"
	    "\"$dynamicRef\":\"#meta\"}}},\"$defs\":{\"anchorString\":{"
	    "\"type\":\"string\",\"pattern\":"
	    "\"^[A-Za-z_][-A-Za-z0-9._]*$\"},\"uriString\":{\"type\":"
	    "\"string\",\"format\":\"uri\"},\"uriReferenceString\":{"
	    "\"type\":\"string\",\"format\":\"uri-reference\"}}}" },
	{ DRAFT "meta/applicator",
	    "{\"$schema\":"
	    "\"" DRAFT "schema\",\"$id\":"
	    "\"" DRAFT "meta/applicator\","
	    "\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boolean\""
	    "],\"properties\":{\"prefixItems\":{\"$ref\":"
	    "\"#/$defs/schemaArray\"},\"items\":{\"$dynamicRef\":"
	    "\"#meta\"},\"contains\":{\"$dynamicRef\":\"#meta\"},"
	    "\"additionalProperties\":{\"$dynamicRef\":\"#meta\"},"
	    "\"properties\":{\"type\":\"object\",\"additionalProperties\""
	    ":{\"$dynamicRef\":\"#meta\"},\"default\":{}},"
	    "\"patternProperties\":{\"type\":\"object\","
	    "\"additionalProperties\":{\"$dynamicRef\":\"#meta\"},"
	    "\"propertyNames\":{\"format\":\"regex\"},\"default\":{}},"
	    "\"dependentSchemas\":{\"type\":\"object\","
	    "\"additionalProperties\":{\"$dynamicRef\":\"#meta\"},"
	    "\"default\":{}},\"propertyNames\":{\"$dynamicRef\":\"#meta\""
	    "},\"if\":{\"$dynamicRef\":\"#meta\"},\"then\":{"
	    "\"$dynamicRef\":\"#meta\"},\"else\":{\"$dynamicRef\":"
	    "\"#meta\"},\"allOf\":{\"$ref\":\"#/$defs/schemaArray\"},"
	    "\"anyOf\":{\"$ref\":\"#/$defs/schemaArray\"},\"oneOf\":{"
	    "\"$ref\":\"#/$defs/schemaArray\"},\"not\":{\"$dynamicRef\":"
	    "\"#meta\"}},\"$defs\":{\"schemaArray\":{\"type\":\"array\","
	    "\"minItems\":1,\"items\":{\"$dynamicRef\":\"#meta\"}}}}" },
	{ DRAFT "meta/unevaluated",
	    "{\"$schema\":"
	    "\"" DRAFT "schema\",\"$id\":"
	    "\"" DRAFT "meta/unevaluated\","
	    "\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boolean\""
	    "],\"properties\":{\"unevaluatedItems\":{\"$dynamicRef\":"
	    "\"#meta\"},\"unevaluatedProperties\":{\"$dynamicRef\":"
	    "\"#meta\"}}}" },
	{ DRAFT "meta/validation",
	    "{\"$schema\":"
	    "\"" DRAFT "schema\",\"$id\":"
	    "\"" DRAFT "meta/validation\","
	    "\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boolean\""
	    "],\"properties\":{\"type\":{\"anyOf\":[{\"$ref\":"
	    "\"#/$defs/simpleTypes\"},{\"type\":\"array\",\"items\":{"
	    "\"$ref\":\"#/$defs/simpleTypes\"},\"minItems\":1,"
	    "\"uniqueItems\":true}]},\"const\":true,\"enum\":{\"type\":"
	    "\"array\",\"items\":true},\"multipleOf\":{\"type\":"
	    "\"number\",\"exclusiveMinimum\":0},\"maximum\":{\"type\":"
	    "\"number\"},\"exclusiveMaximum\":{\"type\":\"number\"},"
	    "\"minimum\":{\"type\":\"number\"},\"exclusiveMinimum\":{"
	    "\"type\":\"number\"},\"maxLength\":{\"$ref\":"
	    "\"#/$defs/nonNegativeInteger\"},\"minLength\":{\"$ref\":"
	    "\"#/$defs/nonNegativeIntegerDefault0\"},\"pattern\":{"
	    "\"type\":\"string\",\"format\":\"regex\"},\"maxItems\":{"
	    "\"$ref\":\"#/$defs/nonNegativeInteger\"},\"minItems\":{"
	    "\"$ref\":\"#/$defs/nonNegativeIntegerDefault0\"},"
	    "\"uniqueItems\":{\"type\":\"boolean\",\"default\":false},"
	    "\"maxContains\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},"
	    "\"minContains\":{\"$ref\":\"#/$defs/nonNegativeInteger\","
	    "\"default\":1},\"maxProperties\":{\"$ref\":"
	    "\"#/$defs/nonNegativeInteger\"},\"minProperties\":{\"$ref\":"
	    "\"#/$defs/nonNegativeIntegerDefault0\"},\"required\":{"
	    "\"$ref\":\"#/$defs/stringArray\"},\"dependentRequired\":{"
	    "\"type\":\"object\",\"additionalProperties\":{\"$ref\":"
	    "\"#/$defs/stringArray\"}}},\"$defs\":{\"nonNegativeInteger\""
	    ":{\"type\":\"integer\",\"minimum\":0},"
	    "\"nonNegativeIntegerDefault0\":{\"$ref\":"
	    "\"#/$defs/nonNegativeInteger\",\"default\":0},"
	    "\"simpleTypes\":{\"enum\":[\"array\",\"boolean\",\"integer\""
	    ",\"null\",\"number\",\"object\",\"string\"]},\"stringArray\""
	    ":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
	    "\"uniqueItems\":true,\"default\":[]}}}" },
	{ DRAFT "meta/meta-data",
	    "{\"$schema\":"
	    "\"" DRAFT "schema\",\"$id\":"
	    "\"" DRAFT "meta/meta-data\","
	    "\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boolean\""
	    "],\"properties\":{\"title\":{\"type\":\"string\"},"
	    "\"description\":{\"type\":\"string\"},\"default\":true,"
	    "\"deprecated\":{\"type\":\"boolean\",\"default\":false},"
	    "\"readOnly\":{\"type\":\"boolean\",\"default\":false},"
	    "\"writeOnly\":{\"type\":\"boolean\",\"default\":false},"
	    "\"examples\":{\"type\":\"array\",\"items\":true}}}" },
	{ DRAFT "meta/format-annotation",
	    "{\"$schema\":"
	    "\"" DRAFT "schema\",\"$id\":"
	    "\"" DRAFT "meta/format-annotation\""
	    ",\"$dynamicAnchor\":\"meta\",\"type\":[\"object\","
	    "\"boolean\"],\"properties\":{\"format\":{\"type\":\"string\""
	    "}}}" },
	{ DRAFT "meta/format-assertion",
	    "{\"$schema\":"
	    "\"" DRAFT "schema\",\"$id\":"
	    "\"" DRAFT "meta/format-assertion\""
	    ",\"$dynamicAnchor\":\"meta\",\"type\":[\"object\","
	    "\"boolean\"],\"properties\":{\"format\":{\"type\":\"string\""
	    "}}}" },
	{ DRAFT "meta/content",
	    "{\"$schema\":"
	    "\"" DRAFT "schema\",\"$id\":"
	    "\"" DRAFT "meta/content\","
	    "\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boolean\""
	    "],\"properties\":{\"contentEncoding\":{\"type\":\"string\"},"
	    "\"contentMediaType\":{\"type\":\"string\"},\"contentSchema\""
	    ":{\"$dynamicRef\":\"#meta\"}}}" },
};

const struct metaschema *
metaschema_find(const char *uri)
{
	for (size_t i = 0; i < countof(metaschemas); i++)
		if (strcmp(metaschemas[i].uri, uri) == 0)
			return &metaschemas[i];
	return NULL;
}
