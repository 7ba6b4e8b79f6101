package pgstore

// shape is what [sqlShape] finds in a new schema.
const shape = `
`
