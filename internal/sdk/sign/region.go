package sign

import "strings"

// Domain is where the partition of a region has its services.
func Domain(region string) string {
	for _, partition := range [][2]string{
		{"cn-", "amazonaws.com.cn"},
		{"eusc-", "amazonaws.eu"},
		{"us-iso-", "c2s.ic.gov"},
		{"us-isob-", "sc2s.sgov.gov"},
		{"us-isof-", "csp.hci.ic.gov"},
		{"eu-isoe-", "cloud.adc-e.uk"},
	} {
		if strings.HasPrefix(region, partition[0]) {
			return partition[1]
		}
	}
	return "amazonaws.com"
}
