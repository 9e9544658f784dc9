/** The date that chat templates print. */

/**
 * A chat becomes the same tokens on any day: templates that ask for the date (`strftime_now`) are given this one, to
 * which Llama 3's own template falls back. Another is given as the variable `date_string`, where a template has it.
 */
export const TEMPLATE_DATE = new Date("2024-07-26T00:00:00Z")

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December"
]
const DAY = 24 * 60 * 60 * 1000

/** Python's strftime in the C locale, of a date in UTC; what it does not know stays as it is. */
export const strftime = (date: Date, format: string): string => {
  const digits = (value: number, length = 2) => String(value).padStart(length, "0")
  const hour = date.getUTCHours()
  const day = days[date.getUTCDay()] ?? ""
  const month = months[date.getUTCMonth()] ?? ""
  const fields: Readonly<Record<string, string>> = {
    Y: String(date.getUTCFullYear()),
    y: digits(date.getUTCFullYear() % 100),
    m: digits(date.getUTCMonth() + 1),
    B: month,
    b: month.slice(0, 3),
    d: digits(date.getUTCDate()),
    j: digits(Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0)) / DAY) + 1, 3),
    A: day,
    a: day.slice(0, 3),
    H: digits(hour),
    I: digits(hour % 12 === 0 ? 12 : hour % 12),
    p: hour < 12 ? "AM" : "PM",
    M: digits(date.getUTCMinutes()),
    S: digits(date.getUTCSeconds()),
    "%": "%"
  }
  return format.replaceAll(/%(.)/gs, (found, field: string) => fields[field] ?? found)
}
