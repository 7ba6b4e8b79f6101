// Functions that are not durable.

export const add = async ({ a, b }) => ({ sum: a + b, by: "javascript" });

export const fails = async () => {
  const error = new Error("the shop is closed");
  error.name = "Closed";
  throw error;
};

/** What the runtime tells a function of itself. */
export const environment = async (event, context) => ({
  name: context.functionName,
  version: context.functionVersion,
  arn: context.invokedFunctionArn,
  memory: Number(context.memoryLimitInMB),
  remaining: context.getRemainingTimeInMillis(),
  request: context.awsRequestId,
  client: context.clientContext?.custom ?? context.clientContext ?? null,
});
