/** The contract, generated: messages with their schemas, enums, and the service. */

export * from "./gen/millhand/v1/errors_pb.js";
export * from "./gen/millhand/v1/handler_pb.js";
export * from "./gen/millhand/v1/payload_pb.js";
export * from "./gen/millhand/v1/task_pb.js";
export * from "./gen/millhand/v1/task_service_pb.js";
