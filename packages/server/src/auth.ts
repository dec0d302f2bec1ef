import type { Origin } from './domain/origin.ts'
import { type ApiLogin, authenticateApi, isApiActive } from './flows/authenticate-api.ts'
import { beginAnew, beginAnewOnCopy } from './flows/begin-anew.ts'
import { type ChangePasswordInput, changePassword } from './flows/change-password.ts'
import type { Deps } from './flows/deps.ts'
import { endEverySession } from './flows/end-every-session.ts'
import { endSession } from './flows/end-session.ts'
import { introspectToken, type TokenStanding } from './flows/introspect-token.ts'
import { listEvents } from './flows/list-events.ts'
import { listSessions } from './flows/list-sessions.ts'
import { type LogInInput, logIn } from './flows/log-in.ts'
import { type LogOutInput, logOut } from './flows/log-out.ts'
import { addApi, listApis, revokeApi } from './flows/manage-apis.ts'
import { createUser, endSessionsOf, listUsers, setUserActive, showUser } from './flows/manage-users.ts'
import type { DeviceTokenPair, TokenPair } from './flows/open-session.ts'
import { readProfile } from './flows/read-profile.ts'
import { type RefreshInput, refreshSession } from './flows/refresh-session.ts'
import { type RevokeTokenInput, revokeToken } from './flows/revoke-token.ts'
import { type SignUpInput, signUp } from './flows/sign-up.ts'
import { admitRequest, assertOpen } from './flows/spend-limit.ts'

/** Every verb of the product, each a story in `flows/`. */
export type Auth = ReturnType<typeof createAuth>

export function createAuth(deps: Deps) {
  return {
    // For everyone
    admitRequest: (origin: Origin) => admitRequest(deps, origin),
    assertSignUpOpen: (origin: Origin) => assertOpen(deps, deps.limits.signupPerAddress, origin),
    signUp: (input: SignUpInput) => signUp(deps, input),
    assertLoginOpen: (origin: Origin) => assertOpen(deps, deps.limits.loginPerAddress, origin),
    logIn: (input: LogInInput) => logIn(deps, input),
    refreshSession: (input: RefreshInput) => refreshSession(deps, input),

    // For who is signed in
    logOut: (input: LogOutInput) => logOut(deps, input),
    readProfile: (caller: Parameters<typeof readProfile>[1]) => readProfile(deps, caller),
    listEvents: (input: Parameters<typeof listEvents>[1]) => listEvents(deps, input),
    changePassword: (input: ChangePasswordInput) => changePassword(deps, input),
    listSessions: (caller: Parameters<typeof listSessions>[1]) => listSessions(deps, caller),
    endSession: (input: Parameters<typeof endSession>[1]) => endSession(deps, input),

    // For APIs
    authenticateApi: (login: ApiLogin) => authenticateApi(deps, login),
    isApiActive: (api: Parameters<typeof isApiActive>[1]) => isApiActive(deps, api),
    introspectToken: (token: string) => introspectToken(deps, token),
    revokeToken: (input: RevokeTokenInput) => revokeToken(deps, input),

    // For operators
    createUser: (input: Parameters<typeof createUser>[1]) => createUser(deps, input),
    setUserActive: (input: Parameters<typeof setUserActive>[1]) => setUserActive(deps, input),
    endSessionsOf: (input: Parameters<typeof endSessionsOf>[1]) => endSessionsOf(deps, input),
    beginAnew: (origin: Origin) => beginAnew(deps, origin),
    beginAnewOnCopy: (origin: Origin) => beginAnewOnCopy(deps, origin),
    endEverySession: (origin: Origin) => endEverySession(deps, origin),
    showUser: (emailOrId: string) => showUser(deps, emailOrId),
    listUsers: (page: Parameters<typeof listUsers>[1]) => listUsers(deps, page),
    addApi: (input: Parameters<typeof addApi>[1]) => addApi(deps, input),
    listApis: () => listApis(deps),
    revokeApi: (input: Parameters<typeof revokeApi>[1]) => revokeApi(deps, input),
  }
}

export type { DeviceTokenPair, TokenPair, TokenStanding }
