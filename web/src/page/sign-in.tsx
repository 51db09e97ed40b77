export function SignInPage() { return null; } export function LinkPage() { return null; } export function SetUpPage() { return null; }
