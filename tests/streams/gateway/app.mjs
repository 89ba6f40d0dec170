// An app with OpenAI's client for Node: plain, streamed, structured, and by a function.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "sk-app", maxRetries: 0 });
const model = process.argv[4];
const messages = [{ role: "system", content: "yes or no?" }, { role: "user", content: process.argv[3] }];
const schema = {
  type: "object",
  properties: { answer: { type: "string", enum: ["yes", "no"] } },
  required: ["answer"],
  additionalProperties: false,
};

const plain = await client.chat.completions.create({ model, messages });
const stream = await client.chat.completions.create({ model, messages, stream: true });
let streamed = "";
for await (const chunk of stream) streamed += chunk.choices[0]?.delta?.content ?? "";
const structured = await client.chat.completions.parse({
  model,
  messages,
  response_format: { type: "json_schema", json_schema: { name: "a", strict: true, schema } },
});
const runner = client.chat.completions.stream({
  model,
  messages,
  tools: [{ type: "function", function: { name: "say", parameters: schema } }],
  tool_choice: { type: "function", function: { name: "say" } },
});
const called = await runner.finalChatCompletion();
console.log(
  JSON.stringify({
    plain: plain.choices[0].message.content,
    by: plain.model,
    streamed,
    structured: JSON.parse(structured.choices[0].message.content),
    id: plain.id,
    used: plain.usage.total_tokens,
    called: JSON.parse(called.choices[0].message.tool_calls[0].function.arguments),
  }),
);
