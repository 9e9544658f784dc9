/** The messages with `suffix` appended to the last user message, or to the last message where no user speaks. */
export const instructed = <M extends { readonly role: string; readonly content: string }>(
  messages: ReadonlyArray<M>,
  suffix: string
): ReadonlyArray<M> => {
  const user = messages.findLastIndex(({ role }) => role === "user")
  const target = user >= 0 ? user : messages.length - 1
  return messages.map((message, index) =>
    index === target ? { ...message, content: message.content + suffix } : message
  )
}
