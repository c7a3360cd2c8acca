package dashboard

import "strconv"

// appendMillis writes milliseconds as seconds with three decimals.
func appendMillis(b []byte, ms int64) []byte {
	b = strconv.AppendInt(b, ms/1000, 10)
	b = append(b, '.')
	for unit := int64(100); unit > 0; unit /= 10 {
		b = append(b, byte('0'+ms/unit%10))
	}
	return b
}
