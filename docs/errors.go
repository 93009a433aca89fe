package docs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ErrorRow is the row of one code on the page of errors.
type ErrorRow struct {
	Status             int
	Types              []string // scimTypes; empty for an error without a scimType
	Cause              string
	Customer, Operator string // the remedies of the two readers
}

var (
	errorRow = regexp.MustCompile("(?m)^\\| <a id=\"([a-z-]+)\"></a>`([a-z-]+)` \\| ([^|]*) \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\|$")
	// oneType finds a scimType in the second column.
	oneType = regexp.MustCompile("`([A-Za-z]+)`")
	anyRow  = regexp.MustCompile("(?m)^\\| (?:<a|`[a-z]+(?:-[a-z]+)*` \\| [45])")
)

// ErrorRows returns the rows of the page of errors by their codes. Tests use it. A row of another form is an error.
func ErrorRows(page string) (map[string]ErrorRow, error) {
	out := map[string]ErrorRow{}
	for _, m := range errorRow.FindAllStringSubmatch(page, -1) {
		status, types, _ := strings.Cut(m[3], " ")
		number, err := strconv.Atoi(status)
		if _, twice := out[m[2]]; err != nil || m[1] != m[2] || twice {
			return nil, fmt.Errorf("the row of %s has another anchor or no status, or the page has it twice: %w", m[2], err)
		}
		row := ErrorRow{Status: number, Cause: m[4], Customer: m[5], Operator: m[6]}
		for _, one := range oneType.FindAllStringSubmatch(types, -1) {
			row.Types = append(row.Types, one[1])
		}
		out[m[2]] = row
	}
	if all := anyRow.FindAllString(page, -1); len(all) != len(out) {
		return nil, fmt.Errorf("%d of %d rows have this form: | <a id=\"CODE\"></a>`CODE` | STATUS `TYPE` | CAUSE | CUSTOMER | OPERATOR |", len(out), len(all))
	}
	return out, nil
}
