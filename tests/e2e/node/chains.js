// Chains that a test has taken apart: every step is the name of a method, as Python has it, with its arguments.
"use strict";

const NAMES = { in_: "in", except_: "except" };
const camel = (name) => NAMES[name] ?? name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

// Takes the steps from `start` on, and resolves to what the last one resolves to. Time-outs are in seconds.
async function follow(start, steps) {
  let value = start;
  for (const [name, ...args] of steps) {
    const member = value[camel(name)];
    const scaled = name === "timeout" ? [args[0] * 1000] : args;
    value = typeof member === "function" ? member.apply(value, scaled) : member;
  }
  return await value;
}

module.exports = { follow };
