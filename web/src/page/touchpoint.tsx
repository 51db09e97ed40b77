export function TouchPointPage() { return null; }
