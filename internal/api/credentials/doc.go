// Package credentials reads the file that says who may use an engine. It has the form of the AWS CLI's credentials
// file, so that one file serves both sides:
//
//	[deploy]
//	aws_access_key_id = PERDURE7XK2…
//	aws_secret_access_key = 5YQW…
//	perdure_access = full
//
//	[dashboards]
//	aws_access_key_id = PERDUREQ3MB…
//	aws_secret_access_key = T7NA…
//	perdure_access = read
//
// [Open] follows the file: additions and removals need no restart.
package credentials
