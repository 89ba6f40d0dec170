// A client in JavaScript: sends texts to a task, and prints the label of each as it comes.
//
// npm install kafkajs
// node client.mjs BOOTSTRAP_SERVERS PREFIX TASK TEXT...
import { randomUUID } from "node:crypto";
import { Kafka, logLevel, Partitioners } from "kafkajs";

const LONGEST_WAIT = 60;

const [servers, prefix, task, ...texts] = process.argv.slice(2);
const kafka = new Kafka({ brokers: servers.split(","), logLevel: logLevel.ERROR });
const labels = `${prefix}.labels`;
const groupId = `client.mjs-${randomUUID()}`;

// Each run reads from now on: the new group begins where each partition ends now.
const admin = kafka.admin();
await admin.connect();
const ends = await admin.fetchTopicOffsets(labels);
const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
await admin.setOffsets({ groupId, topic: labels, partitions });

const asked = new Map(texts.map((text) => [randomUUID(), text]));
// kafkajs reads committed messages only, unless `readUncommitted` is set.
const consumer = kafka.consumer({ groupId });
await consumer.connect();
await consumer.subscribe({ topics: [labels] });
let due = 0;
const ended = new Promise((resolve) => {
  const wait = () => {
    clearTimeout(due);
    due = setTimeout(resolve, LONGEST_WAIT * 1000);
  };
  wait();
  consumer.run({
    eachMessage: async ({ message }) => {
      const label = message.value === null ? {} : JSON.parse(message.value.toString());
      if (!asked.has(label.id)) return;
      if (label.source === "error") {
        console.error(`no label yet: ${label.error}`); // one may follow
        return;
      }
      console.log(`${label.label}\t${asked.get(label.id)}`);
      asked.delete(label.id);
      wait();
      if (asked.size === 0) resolve();
    },
  });
});

const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true });
await producer.connect();
await producer.send({
  topic: `${prefix}.requests`,
  messages: [...asked].map(([id, text]) => ({ key: id, value: JSON.stringify({ id, task, text }) })),
});
await ended;
clearTimeout(due);
await producer.disconnect();
await consumer.disconnect();
await admin.deleteGroups([groupId]);
await admin.disconnect();
for (const [id, text] of asked) console.error(`no label within ${LONGEST_WAIT} s of the last: ${id}\t${text}`);
if (asked.size > 0) console.error("a request that was refused is a dead letter: `understudy dead-letters list`");
process.exitCode = asked.size === 0 ? 0 : 1;
