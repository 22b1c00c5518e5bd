/* SPDX-License-Identifier: MIT */
/*
 * \p{...} by the names that ECMA-262 takes: exactly these, case and all, the
 * general categories, scripts and binary properties of its tables.  PCRE2 has
 * the data and takes the short names; it spells no category in full and knows
 * none that came after its Unicode version (14 in PCRE2 10.42), which is found
 * when the set is prepared.
 */
#include <string.h>

#include "contract/pattern_tree.h"

/* The short name, which PCRE2 knows too, and another one. */
struct name {
	const char *name, *other;
};

static const struct name categories[] = {
	{ "L", "Letter" }, { "LC", "Cased_Letter" },
	{ "Lu", "Uppercase_Letter" }, { "Ll", "Lowercase_Letter" },
	{ "Lt", "Titlecase_Letter" }, { "Lm", "Modifier_Letter" },
	{ "Lo", "Other_Letter" }, { "M", "Mark" }, { "M", "Combining_Mark" },
	{ "Mn", "Nonspacing_Mark" }, { "Mc", "Spacing_Mark" },
	{ "Me", "Enclosing_Mark" }, { "N", "Number" },
	{ "Nd", "Decimal_Number" }, { "Nd", "digit" },
	{ "Nl", "Letter_Number" }, { "No", "Other_Number" },
	{ "P", "Punctuation" }, { "P", "punct" },
	{ "Pc", "Connector_Punctuation" }, { "Pd", "Dash_Punctuation" },
	{ "Ps", "Open_Punctuation" }, { "Pe", "Close_Punctuation" },
	{ "Pi", "Initial_Punctuation" }, { "Pf", "Final_Punctuation" },
	{ "Po", "Other_Punctuation" }, { "S", "Symbol" },
	{ "Sm", "Math_Symbol" }, { "Sc", "Currency_Symbol" },
	{ "Sk", "Modifier_Symbol" }, { "So", "Other_Symbol" },
	{ "Z", "Separator" }, { "Zs", "Space_Separator" },
	{ "Zl", "Line_Separator" }, { "Zp", "Paragraph_Separator" },
	{ "C", "Other" }, { "Cc", "Control" }, { "Cc", "cntrl" },
	{ "Cf", "Format" }, { "Cs", "Surrogate" }, { "Co", "Private_Use" },
	{ "Cn", "Unassigned" },
};

static const struct name binaries[] = {
	{ "AHex", "ASCII_Hex_Digit" }, { "Alpha", "Alphabetic" },
	{ "Bidi_C", "Bidi_Control" }, { "Bidi_M", "Bidi_Mirrored" },
	{ "CI", "Case_Ignorable" }, { "Cased", "Cased" },
	{ "CWCF", "Changes_When_Casefolded" },
	{ "CWCM", "Changes_When_Casemapped" },
	{ "CWL", "Changes_When_Lowercased" },
	{ "CWKCF", "Changes_When_NFKC_Casefolded" },
	{ "CWT", "Changes_When_Titlecased" },
	{ "CWU", "Changes_When_Uppercased" }, { "Dash", "Dash" },
	{ "DI", "Default_Ignorable_Code_Point" }, { "Dep", "Deprecated" },
	{ "Dia", "Diacritic" }, { "Emoji", "Emoji" },
	{ "EComp", "Emoji_Component" }, { "EMod", "Emoji_Modifier" },
	{ "EBase", "Emoji_Modifier_Base" },
	{ "EPres", "Emoji_Presentation" },
	{ "ExtPict", "Extended_Pictographic" }, { "Ext", "Extender" },
	{ "Gr_Base", "Grapheme_Base" }, { "Gr_Ext", "Grapheme_Extend" },
	{ "Hex", "Hex_Digit" }, { "IDSB", "IDS_Binary_Operator" },
	{ "IDST", "IDS_Trinary_Operator" }, { "IDC", "ID_Continue" },
	{ "IDS", "ID_Start" }, { "Ideo", "Ideographic" },
	{ "Join_C", "Join_Control" }, { "LOE", "Logical_Order_Exception" },
	{ "Lower", "Lowercase" }, { "Math", "Math" },
	{ "NChar", "Noncharacter_Code_Point" },
	{ "Pat_Syn", "Pattern_Syntax" }, { "Pat_WS", "Pattern_White_Space" },
	{ "QMark", "Quotation_Mark" }, { "Radical", "Radical" },
	{ "RI", "Regional_Indicator" }, { "STerm", "Sentence_Terminal" },
	{ "SD", "Soft_Dotted" }, { "Term", "Terminal_Punctuation" },
	{ "UIdeo", "Unified_Ideograph" }, { "Upper", "Uppercase" },
	{ "VS", "Variation_Selector" }, { "space", "White_Space" },
	{ "XIDC", "XID_Continue" }, { "XIDS", "XID_Start" },
};

static const struct name scripts[] = {
	{ "Adlm", "Adlam" }, { "Aghb", "Caucasian_Albanian" },
	{ "Ahom", "Ahom" }, { "Arab", "Arabic" },
	{ "Armi", "Imperial_Aramaic" }, { "Armn", "Armenian" },
	{ "Avst", "Avestan" }, { "Bali", "Balinese" }, { "Bamu", "Bamum" },
	{ "Bass", "Bassa_Vah" }, { "Batk", "Batak" }, { "Beng", "Bengali" },
	{ "Berf", "Beria_Erfe" }, { "Bhks", "Bhaiksuki" },
	{ "Bopo", "Bopomofo" }, { "Brah", "Brahmi" }, { "Brai", "Braille" },
	{ "Bugi", "Buginese" }, { "Buhd", "Buhid" }, { "Cakm", "Chakma" },
	{ "Cans", "Canadian_Aboriginal" }, { "Cari", "Carian" },
	{ "Cham", "Cham" }, { "Cher", "Cherokee" }, { "Chrs", "Chorasmian" },
	{ "Copt", "Coptic" }, { "Copt", "Qaac" }, { "Cpmn", "Cypro_Minoan" },
	{ "Cprt", "Cypriot" }, { "Cyrl", "Cyrillic" },
	{ "Deva", "Devanagari" }, { "Diak", "Dives_Akuru" },
	{ "Dogr", "Dogra" }, { "Dsrt", "Deseret" }, { "Dupl", "Duployan" },
	{ "Egyp", "Egyptian_Hieroglyphs" }, { "Elba", "Elbasan" },
	{ "Elym", "Elymaic" }, { "Ethi", "Ethiopic" }, { "Gara", "Garay" },
	{ "Geor", "Georgian" }, { "Glag", "Glagolitic" },
	{ "Gong", "Gunjala_Gondi" }, { "Gonm", "Masaram_Gondi" },
	{ "Goth", "Gothic" }, { "Gran", "Grantha" }, { "Grek", "Greek" },
	{ "Gujr", "Gujarati" }, { "Gukh", "Gurung_Khema" },
	{ "Guru", "Gurmukhi" }, { "Hang", "Hangul" }, { "Hani", "Han" },
	{ "Hano", "Hanunoo" }, { "Hatr", "Hatran" }, { "Hebr", "Hebrew" },
	{ "Hira", "Hiragana" }, { "Hluw", "Anatolian_Hieroglyphs" },
	{ "Hmng", "Pahawh_Hmong" }, { "Hmnp", "Nyiakeng_Puachue_Hmong" },
	{ "Hung", "Old_Hungarian" }, { "Ital", "Old_Italic" },
	{ "Java", "Javanese" }, { "Kali", "Kayah_Li" }, { "Kana", "Katakana" },
	{ "Kawi", "Kawi" }, { "Khar", "Kharoshthi" }, { "Khmr", "Khmer" },
	{ "Khoj", "Khojki" }, { "Kits", "Khitan_Small_Script" },
	{ "Knda", "Kannada" }, { "Krai", "Kirat_Rai" }, { "Kthi", "Kaithi" },
	{ "Lana", "Tai_Tham" }, { "Laoo", "Lao" }, { "Latn", "Latin" },
	{ "Lepc", "Lepcha" }, { "Limb", "Limbu" }, { "Lina", "Linear_A" },
	{ "Linb", "Linear_B" }, { "Lisu", "Lisu" }, { "Lyci", "Lycian" },
	{ "Lydi", "Lydian" }, { "Mahj", "Mahajani" }, { "Maka", "Makasar" },
	{ "Mand", "Mandaic" }, { "Mani", "Manichaean" }, { "Marc", "Marchen" },
	{ "Medf", "Medefaidrin" }, { "Mend", "Mende_Kikakui" },
	{ "Merc", "Meroitic_Cursive" }, { "Mero", "Meroitic_Hieroglyphs" },
	{ "Mlym", "Malayalam" }, { "Modi", "Modi" }, { "Mong", "Mongolian" },
	{ "Mroo", "Mro" }, { "Mtei", "Meetei_Mayek" }, { "Mult", "Multani" },
	{ "Mymr", "Myanmar" }, { "Nagm", "Nag_Mundari" },
	{ "Nand", "Nandinagari" }, { "Narb", "Old_North_Arabian" },
	{ "Nbat", "Nabataean" }, { "Newa", "Newa" }, { "Nkoo", "Nko" },
	{ "Nshu", "Nushu" }, { "Ogam", "Ogham" }, { "Olck", "Ol_Chiki" },
	{ "Onao", "Ol_Onal" }, { "Orkh", "Old_Turkic" }, { "Orya", "Oriya" },
	{ "Osge", "Osage" }, { "Osma", "Osmanya" }, { "Ougr", "Old_Uyghur" },
	{ "Palm", "Palmyrene" }, { "Pauc", "Pau_Cin_Hau" },
	{ "Perm", "Old_Permic" }, { "Phag", "Phags_Pa" },
	{ "Phli", "Inscriptional_Pahlavi" }, { "Phlp", "Psalter_Pahlavi" },
	{ "Phnx", "Phoenician" }, { "Plrd", "Miao" },
	{ "Prti", "Inscriptional_Parthian" }, { "Rjng", "Rejang" },
	{ "Rohg", "Hanifi_Rohingya" }, { "Runr", "Runic" },
	{ "Samr", "Samaritan" }, { "Sarb", "Old_South_Arabian" },
	{ "Saur", "Saurashtra" }, { "Sgnw", "SignWriting" },
	{ "Shaw", "Shavian" }, { "Shrd", "Sharada" }, { "Sidd", "Siddham" },
	{ "Sidt", "Sidetic" }, { "Sind", "Khudawadi" }, { "Sinh", "Sinhala" },
	{ "Sogd", "Sogdian" }, { "Sogo", "Old_Sogdian" },
	{ "Sora", "Sora_Sompeng" }, { "Soyo", "Soyombo" },
	{ "Sund", "Sundanese" }, { "Sunu", "Sunuwar" },
	{ "Sylo", "Syloti_Nagri" }, { "Syrc", "Syriac" },
	{ "Tagb", "Tagbanwa" }, { "Takr", "Takri" }, { "Tale", "Tai_Le" },
	{ "Talu", "New_Tai_Lue" }, { "Taml", "Tamil" }, { "Tang", "Tangut" },
	{ "Tavt", "Tai_Viet" }, { "Tayo", "Tai_Yo" }, { "Telu", "Telugu" },
	{ "Tfng", "Tifinagh" }, { "Tglg", "Tagalog" }, { "Thaa", "Thaana" },
	{ "Thai", "Thai" }, { "Tibt", "Tibetan" }, { "Tirh", "Tirhuta" },
	{ "Tnsa", "Tangsa" }, { "Todr", "Todhri" }, { "Tols", "Tolong_Siki" },
	{ "Toto", "Toto" }, { "Tutg", "Tulu_Tigalari" },
	{ "Ugar", "Ugaritic" }, { "Vaii", "Vai" }, { "Vith", "Vithkuqi" },
	{ "Wara", "Warang_Citi" }, { "Wcho", "Wancho" },
	{ "Xpeo", "Old_Persian" }, { "Xsux", "Cuneiform" },
	{ "Yezi", "Yezidi" }, { "Yiii", "Yi" }, { "Zanb", "Zanabazar_Square" },
	{ "Zinh", "Inherited" }, { "Zinh", "Qaai" }, { "Zyyy", "Common" },
	{ "Zzzz", "Unknown" },
};

static const char *
find(const struct name *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i].name, name) == 0 ||
		    strcmp(names[i].other, name) == 0)
			return names[i].name;
	return NULL;
}

/* Any, ASCII and Assigned, which are not in PCRE2 as such. */
static bool
add_special(struct arena *arena, struct set_draft *draft, const char *name,
    bool negated)
{
	static const struct span ascii = { 0, 0x7f }, any = { 0, 0x10ffff };
	bool is_any = strcmp(name, "Any") == 0;

	if (strcmp(name, "Assigned") == 0) {
		set_draft_property(arena, draft, "Cn", !negated);
		return true;
	}
	if (!is_any && strcmp(name, "ASCII") != 0)
		return false;
	if (negated)
		set_draft_complement(arena, draft, is_any ? &any : &ascii, 1);
	else
		set_draft_span(arena, draft, 0, is_any ? any.to : ascii.to);
	return true;
}

static bool
is_one_of(const char *s, const char *a, const char *b)
{
	return strcmp(s, a) == 0 || strcmp(s, b) == 0;
}

bool
property_add(struct arena *arena, struct set_draft *draft, const char *name,
    const char *value, bool negated)
{
	const char *prefix = "", *known;

	if (value == NULL) {
		if (add_special(arena, draft, name, negated))
			return true;
		known = find(categories, countof(categories), name);
		if (known == NULL)
			known = find(binaries, countof(binaries), name);
	} else if (is_one_of(name, "General_Category", "gc")) {
		known = find(categories, countof(categories), value);
	} else if (is_one_of(name, "Script", "sc")) {
		prefix = "sc:";
		known = find(scripts, countof(scripts), value);
	} else if (is_one_of(name, "Script_Extensions", "scx")) {
		prefix = "scx:";
		known = find(scripts, countof(scripts), value);
	} else {
		return false;
	}
	if (known == NULL)
		return false;
	set_draft_property(arena, draft,
	    *prefix == '\0' ? known : arena_format(arena, "%s%s", prefix,
		known), negated);
	return true;
}
