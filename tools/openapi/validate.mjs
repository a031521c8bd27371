// validate.mjs: judges what a gateway serves, and values against it, with validators that are not ours.
//
//   node tools/openapi/validate.mjs <requests >verdicts
//
// Reads one JSON object per line and writes one per line, in order:
//   {"openapi": D}                                    is D a description in OpenAPI 3.1?   {"valid": true}
//   {"schema": S, "values": [V...]}                   does each value fit the schema?      {"valid": true, "verdicts": [...]}
//   {"openapi": D, "body": [V...]}                    ... the body of POST /v1/queries?
//   {"openapi": D, "answers": [[STATUS, V]...]}       ... the answer with this status?
// A verdict is {"valid": true} or {"valid": false, "at": "/fields/office", "keyword": "pattern"}.
import { createInterface } from "node:readline";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const DOCUMENT = "http://gateway.example/openapi.json";

// Strict: a keyword that means nothing, such as a misspelt one, is refused. "example" is of OpenAPI.
function judge() {
	const ajv = new Ajv.default({ strict: true, strictTypes: false, strictRequired: false });
	addFormats.default(ajv);
	ajv.addKeyword("example");
	return ajv;
}

// The place as a problem of the gateway names it: of a missing or an extra member, the member itself.
function placeOf(error) {
	const member = error.params.missingProperty ?? error.params.additionalProperty;
	return member === undefined ? error.instancePath : `${error.instancePath}/${member.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function verdictOf(check, value) {
	return check(value) ? { valid: true } : { valid: false, at: placeOf(check.errors[0]), keyword: check.errors[0].keyword };
}

// The schemas of a document that refer to each other, as one schema with definitions.
function checker(document) {
	const ajv = judge();
	const text = (node) => JSON.parse(JSON.stringify(node).replaceAll('"#/components/schemas/', `"${DOCUMENT}#/$defs/`));
	ajv.addSchema({ $id: DOCUMENT, $defs: text(document.components.schemas) });
	return (schema) => ajv.compile(text(schema));
}

function follow(document, node) {
	return node?.$ref ? node.$ref.slice(2).split("/").reduce((at, step) => at[step], document) : node;
}

function schemaOfAnswer(document, status) {
	const answer = follow(document, document.paths["/v1/queries"].post.responses[status]);
	return answer && Object.values(answer.content)[0].schema;
}

function judgeAnswers(document, answers) {
	const compile = checker(document);
	return answers.map(([status, value]) => {
		const schema = schemaOfAnswer(document, status);
		return schema ? verdictOf(compile(schema), value) : { valid: false, at: "", keyword: `status ${status} is not described` };
	});
}

function judgeValues(check, values) {
	return { valid: true, verdicts: values.map((value) => verdictOf(check, value)) };
}

async function answer({ openapi, schema, values, body, answers }) {
	if (schema) return judgeValues(judge().compile(schema), values);
	if (body) return judgeValues(checker(openapi)(openapi.paths["/v1/queries"].post.requestBody.content["application/json"].schema), body);
	if (answers) return { valid: true, verdicts: judgeAnswers(openapi, answers) };
	const { valid, errors } = await new Validator().validate(openapi);
	return { valid, errors };
}

for await (const line of createInterface({ input: process.stdin })) {
	try {
		console.log(JSON.stringify(await answer(JSON.parse(line))));
	} catch (trouble) {
		console.log(JSON.stringify({ valid: false, errors: String(trouble) }));
	}
}
